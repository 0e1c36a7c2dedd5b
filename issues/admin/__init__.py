"""The pages of issues."""

from issues.admin import pages

__all__ = ["pages"]
