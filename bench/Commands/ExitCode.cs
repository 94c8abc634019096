namespace Granary.Bench.Commands;

/// <summary>What the process says to the script that called it.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The broker refused, closed, or could not be reached.</summary>
    public const int Failed = 1;

    public const int Usage = 2;

    /// <summary>Something that the broker owed did not come.</summary>
    public const int Missing = 3;
}
