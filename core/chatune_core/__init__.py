"""Platform-neutral core: values, ports and the path from an inbound event to a reply."""
