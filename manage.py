#!/usr/bin/env python
"""Every command of the product; `manage.py help` lists them."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paperclip.settings")
    from paperclip.core import entry

    sys.exit(entry.run(sys.argv))
