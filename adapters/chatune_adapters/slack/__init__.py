"""Slack: Socket Mode or HTTP in, the Web API out; parse what arrives, send what leaves."""
