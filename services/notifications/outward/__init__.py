"""The edge to integrators: signed webhooks to registered hosts, and Kafka topics of their own."""
