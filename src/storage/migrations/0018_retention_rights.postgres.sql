-- Members see the rules; who may set them is decided by the role of that moment (retention_store.cpp).
SELECT librebird_protect('workspace_retention', '@workspace', 'SELECT');
