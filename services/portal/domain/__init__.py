"""What the portal makes of what it is told, without web, database or language."""
