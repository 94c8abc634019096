using System.Globalization;

namespace Granary.Crash.TakeOvers;

/// <summary>The outcome of a <see cref="TakeOverRun"/>; its text is the summary line.</summary>
internal sealed record TakeOverReport(int Seed, IReadOnlyList<RoundResult> TakeOvers, TimeSpan Took, int Faults, string FaultTexts)
{
    public override string ToString()
    {
        var sorted = TakeOvers.Select(round => round.Time.TotalSeconds).Order().ToArray();
        var times = sorted.Length == 0 ? "" : string.Create(
            CultureInfo.InvariantCulture, $", seconds each {sorted[0]:0.00} to {sorted[^1]:0.00}, median {sorted[sorted.Length / 2]:0.00}");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"seed {Seed}: take-overs {TakeOvers.Count}, in the middle of a flush {TakeOvers.Count(round => round.IsInFlush)}{times}, "
            + $"confirmed {TakeOvers.Sum(round => round.Confirmed)}, seconds {Took.TotalSeconds:0}, faults {Faults}");
    }
}
