using System.Globalization;

namespace Granary.Crash.Restarts;

/// <summary>The outcome of a run of restarts; its text is the summary line.</summary>
internal sealed record RestartReport(IReadOnlyList<TimeSpan> Starts, int Confirmed, TimeSpan Took, int Faults, string FaultTexts)
{
    private TimeSpan Median => Starts.Count == 0 ? TimeSpan.Zero : Starts.Order().ElementAt(Starts.Count / 2);

    private TimeSpan Worst => Starts.Count == 0 ? TimeSpan.Zero : Starts.Max();

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"restarts {Starts.Count}: ready after {Median.TotalSeconds:0.00} s (median), {Worst.TotalSeconds:0.00} s (worst), confirmed {Confirmed}, seconds {Took.TotalSeconds:0}, faults {Faults}");
}
