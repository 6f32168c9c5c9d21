"""The services of Tovholder: which professional is responsible for a child and its family, and when."""
