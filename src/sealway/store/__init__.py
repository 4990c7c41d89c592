"""Typed resources with optimistic concurrency, transactions and a watch."""

from .base import Change, Reader, Store, Transaction, Watch

__all__ = ["Change", "Reader", "Store", "Transaction", "Watch"]
