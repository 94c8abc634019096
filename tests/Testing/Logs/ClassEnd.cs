namespace Granary.Testing.Logs;

/// <summary>What a class's fixture finds at its end. Runners say only that there was something, so it is also written to a file beside the tests.</summary>
public static class ClassEnd
{
    private static readonly Lock Gate = new();

    /// <summary>Where it is written; test.sh prints it.</summary>
    public static string File { get; } = Path.Combine(AppContext.BaseDirectory, "unannounced.log");

    /// <summary>Passes on what <paramref name="end"/> throws.</summary>
    public static async Task TellAsync(Func<ValueTask> end)
    {
        ArgumentNullException.ThrowIfNull(end);
        try
        {
            await end().ConfigureAwait(false);
        }
        catch (UnannouncedLogException exception)
        {
            lock (Gate)
            {
                System.IO.File.AppendAllText(File, exception.Message + "\n");
            }

            throw;
        }
    }
}
