namespace Orleans.StandIn;

/// <summary>What the stand-in does to calls under a seed, as a cluster does it now and then; nothing without one.</summary>
public sealed class UnkindOptions
{
    /// <summary>A setting of the host's configuration, or an environment variable; empty is none.</summary>
    public const string SeedSetting = "ORLEANS_STANDIN_SEED";

    /// <summary>Seed of all decisions; null takes <see cref="SeedSetting"/>, and without that calls are carried faithfully.</summary>
    public int? Seed { get; set; }

    /// <summary>Share of calls, answers and observer pushes that are held back, so that later ones overtake them.</summary>
    public double ReorderRate { get; set; } = 0.2;

    /// <summary>The longest hold.</summary>
    public TimeSpan LongestDelay { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Share of one-way calls that never arrive.</summary>
    public double OneWayLossRate { get; set; } = 0.02;

    /// <summary>Share of calls that happen while their caller gets a <see cref="TimeoutException"/>.</summary>
    public double LostAnswerRate { get; set; } = 0.01;

    /// <summary>Chance of an idle activation, after each call, to be deactivated unless it is kept alive.</summary>
    public double DeactivationRate { get; set; } = 0.01;
}
