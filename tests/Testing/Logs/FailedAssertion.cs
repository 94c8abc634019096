using System.Runtime.ExceptionServices;

namespace Granary.Testing.Logs;

/// <summary>
/// The last assertion of this process that failed. A host that is disposed of while an assertion's exception is on its way puts another in its place when its log
/// is not as announced; this is how both are told.
/// </summary>
internal static class FailedAssertion
{
    private static volatile Failure? _last;

    static FailedAssertion() => AppDomain.CurrentDomain.FirstChanceException += Note;

    /// <summary>Begins to take note.</summary>
    public static long Now => Environment.TickCount64;

    /// <summary>What failed since then, in this test or one beside it; empty if nothing did.</summary>
    public static string Since(long time) => _last is { } last && last.Time >= time ? $"\nAn assertion had failed before: {last.Text}" : "";

    private static void Note(object? sender, FirstChanceExceptionEventArgs e)
    {
        if (e.Exception.GetType().Namespace == "Xunit.Sdk")
        {
            _last = new Failure(Now, $"{e.Exception.Message}\n{e.Exception.StackTrace}");
        }
    }

    private sealed record Failure(long Time, string Text);
}
