"""Connect to the SQLite file of a machine that has no other database, in a folder that is made when it is needed."""

import os
import sqlite3
from typing import Any


class Connection(sqlite3.Connection):
    """Make the file's folder, which only its owner may enter, before the file is opened."""

    def __init__(self, database: str, *args: Any, **kwargs: Any):
        if folder := os.path.dirname(database):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        super().__init__(database, *args, **kwargs)
