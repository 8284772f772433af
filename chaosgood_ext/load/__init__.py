"""The load that users put on the application, made by Locust in a process of its own."""
