"""The old host module `screen_ocr`. No sandbox sees the user's screen: the answers have the old shape and say so."""

VISION_AVAILABLE = False

_ERROR = "Reading the screen needs the user's own device; it is not possible where tools are contained."


def read_screen():
    return {"available": False, "text": "", "error": _ERROR}


def ocr_image(cg_image):
    return ""
