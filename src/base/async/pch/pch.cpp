// Home of the precompiled headers; see CMakeLists.txt.
