namespace Granary.Cluster.Tests.Chaos;

/// <summary>One thing that happens to a cluster of three silos and two gateways.</summary>
/// <param name="Kind">One of <see cref="Kinds"/>.</param>
/// <param name="Member">To whom.</param>
/// <param name="CutFrom">Whom it does not reach meanwhile.</param>
/// <param name="IsOneWay">It is reached nevertheless.</param>
/// <param name="Length">How long it hangs, or is cut off.</param>
internal sealed record Upheaval(string Kind, string Member, string[] CutFrom, bool IsOneWay, TimeSpan Length)
{
    /// <summary>The database ends, and starts again when it has.</summary>
    public const string Database = "database";

    public const string SiloKill = "silo-kill";

    private const string CutSilos = "cut-silos", CutGateway = "cut-gateway", CutGatewayOff = "cut-gateway-off";

    public static readonly string[] Silos = ["silo-1", "silo-2", "silo-3"];
    public static readonly string[] Gateways = ["gateway-1", "gateway-2"];

    // Methods that were lost on a link are asked again after 10 s, and refused after 15 s: one is not to be lost twice.
    private static readonly TimeSpan ShortestCut = TimeSpan.FromSeconds(4), LongestCutOfOneLink = TimeSpan.FromSeconds(7), LongestCut = TimeSpan.FromSeconds(14);

    /// <summary>What may happen to processes.</summary>
    public static readonly string[] OfProcesses = [SiloKill, "silo-term", "silo-stop", Database, "gateway-kill", "gateway-term", "gateway-stop"];

    /// <summary>What may happen to links: two silos, a silo and the database, a gateway and a silo, a gateway and all silos.</summary>
    public static readonly string[] OfLinks = [CutSilos, "cut-database", CutGateway, CutGatewayOff];

    public static string[] Kinds => [.. OfProcesses, .. OfLinks];

    public bool IsCut => CutFrom.Length > 0;

    /// <summary>What is sent to the member: a database ends without waiting for its clients.</summary>
    public string Signal => Kind == Database ? "INT" : Kind[(Kind.IndexOf('-', StringComparison.Ordinal) + 1)..].ToUpperInvariant();

    /// <summary>Whether a gateway may end by it: its own, or one that is declared dead by whom it does not reach.</summary>
    public bool MayTakeGateways => Gateways.Contains(Member);

    /// <summary>Whether clients of a gateway that ends by it are told so.</summary>
    public bool IsTold => IsCut || Signal == "TERM";

    /// <summary>For the longest that a confirm may take meanwhile, as the cluster is promised to be; null: nothing is.</summary>
    public TimeSpan? Limit => IsCut ? null : Signal switch
    {
        "TERM" => TimeSpan.FromSeconds(0.5),
        "STOP" => TimeSpan.FromSeconds(8),
        "KILL" => TimeSpan.FromSeconds(3),
        _ => null,
    };

    /// <param name="newest">A silo that has few queues, for it came last.</param>
    public static Upheaval Choose(string kind, Random random, TimeSpan hang, string newest)
    {
        var silo = Silos.Where(silo => silo != newest).OrderBy(_ => random.Next()).First();
        var gateway = Gateways[random.Next(Gateways.Length)];
        var others = Silos.Where(other => other != silo).ToArray();
        var cut = ShortestCut + (random.NextDouble() * ((kind is CutSilos or CutGateway ? LongestCutOfOneLink : LongestCut) - ShortestCut));
        var isOneWay = random.Next(2) == 0;
        return kind switch
        {
            Database => new Upheaval(kind, LocalCluster.Database, [], false, TimeSpan.Zero),
            CutSilos => new Upheaval(kind, silo, [others[random.Next(others.Length)]], isOneWay, cut),
            "cut-database" => new Upheaval(kind, silo, [LocalCluster.Database], false, cut),
            CutGateway => new Upheaval(kind, gateway, [silo], isOneWay, cut),
            CutGatewayOff => new Upheaval(kind, gateway, Silos, false, cut),
            _ when OfProcesses.Contains(kind) => new Upheaval(kind, kind.StartsWith("gateway", StringComparison.Ordinal) ? gateway : silo, [], false, hang),
            _ => throw new ArgumentException($"There is no '{kind}': {string.Join(", ", Kinds)}.", nameof(kind)),
        };
    }

    /// <summary>Completes when it is over, but for processes that are to be started again.</summary>
    public async Task HappenAsync(LocalCluster cluster)
    {
        if (IsCut)
        {
            await Task.WhenAll(CutFrom.SelectMany(other => Directions(other, cluster.CutAsync)));
            await Task.Delay(Length);
            await Task.WhenAll(CutFrom.SelectMany(other => Directions(other, cluster.MendAsync)));
            return;
        }

        await cluster.SignalAsync(Member, Signal);
        if (Signal == "STOP")
        {
            await Task.Delay(Length);
            await cluster.SignalAsync(Member, "CONT");
        }
    }

    public override string ToString() => IsCut ? $"{Member} {(IsOneWay ? "→" : "↔")} {string.Join(", ", CutFrom)}, {Length.TotalSeconds:F1} s" : Member;

    private IEnumerable<Task> Directions(string other, Func<string, string, Task> change)
    {
        yield return change(Member, other);
        if (!IsOneWay)
        {
            yield return change(other, Member);
        }
    }
}
