namespace Granary.Compat.Tests.Conformance;

/// <summary>One row of RabbitMQ's behaviour: steps that a broker passes if it behaves so.</summary>
/// <param name="Name">What the row says.</param>
/// <param name="Steps">One after the other, on channel 1 of the first connection unless they say otherwise.</param>
internal sealed record ConformanceCase(string Name, params Step[] Steps)
{
    /// <summary>Set where RabbitMQ 3.10 fails the steps.</summary>
    public Disagreement? Differs { get; init; }

    /// <summary>Marks the case as one that RabbitMQ 3.10 fails, and a later version passes.</summary>
    /// <param name="version">The first that does.</param>
    /// <param name="in310">What 3.10 does instead.</param>
    /// <param name="source">Where RabbitMQ's source says so.</param>
    public ConformanceCase Since(string version, string in310, string source) => this with { Differs = new Disagreement(version, in310, source) };

    /// <summary>Marks the case as one that no RabbitMQ passes: it is Granary's own way.</summary>
    public ConformanceCase OurOwn(string there, string why) => this with { Differs = new Disagreement(null, there, why) };
}

/// <summary>Where RabbitMQ 3.10 is another one than is wanted.</summary>
/// <param name="Version">The first version of RabbitMQ that behaves as is wanted; null: none does.</param>
/// <param name="In310">What 3.10 does.</param>
/// <param name="Source">The module of RabbitMQ, or the reason.</param>
internal sealed record Disagreement(string? Version, string In310, string Source);

/// <summary>A row that a test elsewhere is about.</summary>
/// <param name="Name">What the row says.</param>
/// <param name="File">Below the solution's folder.</param>
/// <param name="Test">A method there.</param>
internal sealed record Elsewhere(string Name, string File, string Test);

/// <summary>A section of the reference with its rows.</summary>
internal sealed record ConformanceSection(string Title, ConformanceCase[] Cases, params Elsewhere[] Elsewhere)
{
    public IEnumerable<object[]> Names => Cases.Select(one => new object[] { one.Name });

    public ConformanceCase this[string name] => Cases.Single(one => one.Name == name);
}
