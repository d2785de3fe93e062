"""Models over HTTP and WebSocket, whose sessions are values in a store: any server on it goes on with any of them."""
