"""Bags as the Library of Congress' program sees them."""

from pathlib import Path

import pytest


def find_bag_faults(bag: Path) -> str:
    """What is wrong with a bag, in words; nothing where it is whole. Skips where the package bagit is not installed."""
    bagit = pytest.importorskip("bagit", reason="the package bagit is not installed")
    try:
        bagit.Bag(str(bag)).validate()
    except bagit.BagError as error:
        return str(error)
    return ""
