#!/usr/bin/env python
"""Django's command line for this project."""

import gc
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    gc.set_threshold(50_000, 20, 50)  # what is loaded stays: to look at it 400 times was a sixth of each start
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")
    execute_from_command_line(sys.argv)
