"""`python -m auric`."""

import sys

from auric.cli import main

sys.exit(main())
