"""The rules of persons, pure: what an identifier is, who a notification is about, and what may be disclosed to whom."""
