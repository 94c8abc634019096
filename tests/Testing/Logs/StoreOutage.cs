namespace Granary.Testing.Logs;

/// <summary>What a node logs while its database is gone, and when it is there again. Which of them depends on what it was doing, and on how long it takes.</summary>
public static class StoreOutage
{
    private const int Degraded = 103, QueueNotRead = 3005, OutOfReach = 3301, IsBack = 3302, NotTidied = 3305, StillOutOfReach = 3308, DueReadAgain = 3320, DueNotRead = 3321;

    public static readonly int[] Events = [Degraded, QueueNotRead, OutOfReach, IsBack, NotTidied, StillOutOfReach, DueReadAgain, DueNotRead];
}
