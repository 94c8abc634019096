using System.Globalization;
using Granary.Crash.Ledger;

namespace Granary.Crash;

/// <summary>The outcome of a crash run; its text is the summary line.</summary>
internal sealed record CrashReport(CrashOptions Options, Totals Totals, int Kills, TimeSpan Took, int Faults, string FaultTexts)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"seed {Options.Seed}, {Options.Store}, victim {Options.Victim}: {Totals}, kills {Kills}, seconds {Took.TotalSeconds:0}, faults {Faults}");
}
