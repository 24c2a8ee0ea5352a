"""Programs that exported folders carry, copied there as they are. They import nothing of cvcore."""
