namespace Granary.Core.Figures;

/// <summary>What a process is asked to tell of itself. Nothing else is looked at, and nothing is activated for it.</summary>
[Flags]
public enum FigureKinds
{
    None = 0,

    /// <summary>The process itself: <see cref="MemberFigures.Node"/>.</summary>
    Node = 1,

    /// <summary>Queues that are active in it.</summary>
    Queues = 2,

    /// <summary>Queues and exchanges that the store has, whether or not they are active anywhere.</summary>
    Stored = 4,

    /// <summary>Exchanges that are active in it, and what was published to exchanges from it.</summary>
    Exchanges = 8,

    /// <summary>With <see cref="Exchanges"/> and <see cref="Stored"/>: their bindings.</summary>
    Bindings = 16,

    Connections = 32,

    Channels = 64,

    Consumers = 128,

    /// <summary>With <see cref="Stored"/>: how many messages the store has of each queue.</summary>
    StoredMessages = 256,
}
