"""What the product is measured by: `make bench`, or `make bench ONLY=name,…`; never a timed test."""
