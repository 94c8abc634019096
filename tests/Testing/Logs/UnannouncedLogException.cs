namespace Granary.Testing.Logs;

/// <summary>A log held what no test had announced, or lacked what one had.</summary>
public sealed class UnannouncedLogException(IReadOnlyCollection<LogLine> unannounced, IReadOnlyCollection<int> missing, string where = "", string before = "")
    : Exception(Describe(unannounced, missing, where) + before)
{
    private const int MostTold = 20;

    private static string Describe(IReadOnlyCollection<LogLine> unannounced, IReadOnlyCollection<int> missing, string where)
    {
        List<string> told = [];
        if (unannounced.Count > 0)
        {
            told.Add($"{unannounced.Count} lines of the log were not announced{where}:");
            told.AddRange(unannounced.Take(MostTold).Select(line => line.ToString()));
        }

        if (missing.Count > 0)
        {
            told.Add($"Events that were expected in the log did not come{where}: {string.Join(", ", missing)}");
        }

        return string.Join('\n', told);
    }
}
