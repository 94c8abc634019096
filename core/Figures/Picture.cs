namespace Granary.Core.Figures;

/// <summary>What all members of the cluster told together, or the process where there is one alone.</summary>
public sealed record Picture
{
    /// <summary>The members that answered.</summary>
    public required IReadOnlyList<Placed<NodeFigure>> Nodes { get; init; }

    public required IReadOnlyList<Placed<QueueFigure>> Queues { get; init; }

    public required IReadOnlyList<ExchangeFigure> Exchanges { get; init; }

    /// <summary>By vhost and exchange: what was published from all members.</summary>
    public required IReadOnlyDictionary<(string Vhost, string Exchange), PublishFigure> Publishes { get; init; }

    public required IReadOnlyList<Placed<ConnectionFigure>> Connections { get; init; }

    public required IReadOnlyList<Placed<ChannelFigure>> Channels { get; init; }

    public required IReadOnlyList<Placed<ConsumerFigure>> Consumers { get; init; }

    /// <summary>The name of the node that the picture was taken by.</summary>
    public required string Node { get; init; }
}

/// <summary>Something, and the name of the node that has it.</summary>
public readonly record struct Placed<T>(T Figure, string Node);
