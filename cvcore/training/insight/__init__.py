"""What a finished run's network has learnt, looked at afterwards: training itself pays nothing for it."""
