"""Write lines of CSV of which no spreadsheet reads a cell as a formula."""

import csv
import io
import re
from collections.abc import Iterable

# In Brazil a spreadsheet ends a cell at a semicolon, too, whatever the quotation marks say.
_AFTER_A_SEMICOLON = re.compile(r';(?=[\s"]*[=+@-])')
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet reads a cell that begins with one as a formula


def line(cells: Iterable[str]) -> str:
    """Return one line of CSV with its end, each cell between quotation marks."""
    written = io.StringIO()
    harmless = [_AFTER_A_SEMICOLON.sub(";'", f"'{cell}" if cell.startswith(_FORMULA) else cell) for cell in cells]
    csv.writer(written, quoting=csv.QUOTE_ALL).writerow(harmless)
    return written.getvalue()
