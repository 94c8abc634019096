using System.Globalization;

namespace Granary.Bench.Scaling;

/// <summary>Says in Markdown what comes out for a cluster of a given size.</summary>
internal sealed class Report(Assumptions given, TextWriter output)
{
    /// <summary>Losses of one silo each that are drawn.</summary>
    private const int Losses = 20;

    public void Write()
    {
        Line($"{given.Silos:N0} silos and {given.Gateways:N0} gateways of {given.MemberCores} cores, {given.Databases:N0} databases of {given.DatabaseCores} cores; {given.Queues:N0} queues, {given.MessagesPerSecond:N0} messages a second, skew {given.Skew}, seed {given.Seed}.");
        var spread = new Spread(given);
        var rates = new Rates(given);
        WriteLoad(spread, rates);
        WriteMembers();
        WriteDatabases(spread, rates);
        WriteLosses(rates);
        var restart = RollingRestart.Simulate(given, new Spread(given));
        output.WriteLine();
        Line($"Rolling restart of all silos, one at a time at each database: {restart.Seconds / 60:N0} minutes, and a queue moves {restart.MovesPerQueue:N1} times.");
    }

    private static string Percent(double share) => share.ToString("P0", CultureInfo.InvariantCulture);

    private void WriteLoad(Spread spread, Rates rates)
    {
        var counts = spread.Counts();
        var load = rates.PerSilo(spread, given.Silos);
        var full = given.MemberCores * 1e6 / given.MessageCost.Silo;
        var limit = Math.Max(full * given.PlannedShare, load.Average() * 1.2);
        var (moves, busiest) = rates.Level(spread, given, limit);
        Head("queues and load", "least", "mean", "most");
        Row("queues of a silo", $"{counts.Min():N0}", $"{counts.Average():N0}", $"{counts.Max():N0}");
        Row("memory for them, empty", $"{counts.Min() * given.QueueMemory / 1024:N1} MiB", $"{counts.Average() * given.QueueMemory / 1024:N1} MiB", $"{counts.Max() * given.QueueMemory / 1024:N1} MiB");
        Row("messages a second of a silo", $"{load.Min():N0}", $"{load.Average():N0}", $"{load.Max():N0}");
        Row("processor time for them", Percent(load.Min() / full), Percent(load.Average() / full), Percent(load.Max() / full));
        var gateway = given.MessagesPerSecond / given.Gateways;
        Row("messages a second of a gateway", string.Empty, $"{gateway:N0}", string.Empty);
        Row("processor time for them", string.Empty, Percent(gateway * given.MessageCost.Gateway / 1e6 / given.MemberCores), string.Empty);
        output.WriteLine();
        Line($"The busiest queue carries {rates.Busiest:N0} messages a second; one queue carries {given.QueueLimit:N0} at most.");
        if (rates.Refused > 0)
        {
            Line($"Publishers of the busiest queues wait: together they want to publish {rates.Refused:N0} a second more than their queues carry.");
        }

        if (moves > 0)
        {
            Line($"Silos have more than is planned for. When {moves:N0} queues are moved by name, the busiest silo has {busiest:N0} messages a second ({Percent(busiest / full)}).");
        }
    }

    private void WriteMembers()
    {
        var members = given.Silos + given.Gateways;
        double CallsOf(double calls) => calls * given.CallCost / 1e6 / given.MemberCores;
        var list = members / given.ListPeriod;
        Head("what members cost each other while nothing happens", "a silo", "a gateway", "the database of the list");
        Row("connections to members", $"{members - 1:N0}", $"{members - 1:N0}", string.Empty);
        Row("memory for them", $"{(members - 1) * given.ConnectionMemory / 1024:N0} MiB", $"{(members - 1) * given.ConnectionMemory / 1024:N0} MiB", string.Empty);
        Row("calls a second: probes and leases", $"{(2 * given.Probed) + (given.Gateways * given.LeaseCalls):N0}", $"{(2 * given.Probed) + (given.Silos * given.LeaseCalls):N0}", string.Empty);
        Row("processor time of a machine for them", Percent(CallsOf((2 * given.Probed) + (given.Gateways * given.LeaseCalls))), Percent(CallsOf((2 * given.Probed) + (given.Silos * given.LeaseCalls))), string.Empty);
        Row("rows of the list read a second", $"{list:N0}", $"{list:N0}", $"{list * members:N0}");
        Row(
            "cores for the list",
            $"{list * given.ListRowCost.Member / 1e6:N3}",
            $"{list * given.ListRowCost.Member / 1e6:N3}",
            $"{((list * members * given.ListRowCost.Database) + (members * given.AliveCost)) / 1e6:N2}");
        Row("connections to it", "1 of 2", $"1 of {given.Connections.Gateway}", $"{members * 2:N0} at the most");
    }

    private void WriteDatabases(Spread spread, Rates rates)
    {
        var load = rates.PerDatabase(spread, given.Databases);
        var full = given.DatabaseCores * 1e6 / given.MessageCost.Database;
        Head("databases", "least", "mean", "most");
        Row("messages a second", $"{load.Min():N0}", $"{load.Average():N0}", $"{load.Max():N0}");
        Row("processor time for them", Percent(load.Min() / full), Percent(load.Average() / full), Percent(load.Max() / full));
        Row("connections of its silos", string.Empty, $"{(double)given.Silos / given.Databases * given.Connections.Silo:N0}", string.Empty);
        output.WriteLine();
        Line($"In one database it would be {given.Silos * given.Connections.Silo:N0} connections and {given.MessagesPerSecond * given.MessageCost.Database / 1e6:N0} cores.");
    }

    private void WriteLosses(Rates rates)
    {
        var random = new Random(given.Seed);
        var load = Math.Min(0.95, rates.PerDatabase(new Spread(given), given.Databases).Average() * given.MessageCost.Database / 1e6 / given.DatabaseCores);
        Head("a loss: seconds until a queue of it serves again", "queues", "median", "99 of 100", "longest");
        foreach (var (name, noticed) in new[] { ("a silo is killed", given.KillNoticed), ("a silo hangs", given.HangNoticed) })
        {
            Outage[] all = [.. Enumerable.Range(0, Losses).Select(_ => new Loss(given, random).Simulate(new Spread(given), [random.Next(given.Silos)], noticed, load))];
            Row($"{name}, mean of {Losses}", $"{all.Average(one => one.Queues):N0}", $"{all.Average(one => one.Median):N2}", $"{all.Average(one => one.Percentile99):N2}", $"{all.Max(one => one.Longest):N2}");
        }

        HashSet<int> zone = [.. Enumerable.Range(0, given.Silos).Where(silo => silo / given.Databases % 3 == 0)];
        if (zone.Count < given.Silos)
        {
            var third = new Loss(given, random).Simulate(new Spread(given), zone, given.HangNoticed, load);
            Row("a zone with a third of the silos is cut off", $"{third.Queues:N0}", $"{third.Median:N2}", $"{third.Percentile99:N2}", $"{third.Longest:N2}");
        }
    }

    private void Head(params string[] columns)
    {
        output.WriteLine();
        Row(columns);
        Row([.. columns.Select(_ => "---")]);
    }

    private void Row(params string[] cells) => output.WriteLine($"| {string.Join(" | ", cells)} |");

    private void Line(FormattableString text) => output.WriteLine(text.ToString(CultureInfo.InvariantCulture));

}
