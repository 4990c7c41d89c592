"""AWS's protocols, read from botocore's service models; knows no service."""
