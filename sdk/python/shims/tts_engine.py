"""The old host module `tts_engine`. No sandbox has a loudspeaker: speaking fails with a reason."""


class _Engine:
    available = False

    def speak(self, text, *arguments, **options):
        raise RuntimeError("Speaking needs the user's own device; it is not possible where tools are contained.")

    def stop(self):
        return None


tts_engine = _Engine()
