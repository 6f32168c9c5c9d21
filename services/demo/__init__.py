"""The whole of Tovholder on one machine: real servers started on loopback, synthetic families, and the story played."""
