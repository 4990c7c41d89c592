"""The steps of a task's life, one file each; ``task_runner`` lists them in order."""
