"""The live stream (SSE): who may open it, what flows in it, and the hub that feeds all streams of this process."""
