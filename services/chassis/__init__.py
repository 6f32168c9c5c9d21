"""Shared rails: what every service needs; knows no service and no word of the domain."""
