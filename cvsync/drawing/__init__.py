"""Tags and boxes drawn into pictures, for people to look at. Needs Pillow; everything here blocks."""

from cvsync.drawing.draw import Drawing, Mark, encode
from cvsync.drawing.upright import DrawError

__all__ = ["DrawError", "Drawing", "Mark", "encode"]
