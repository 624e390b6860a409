"""The old host module `tts`: the same engine under its other name."""

from tts_engine import tts_engine

speak = tts_engine.speak
stop = tts_engine.stop
