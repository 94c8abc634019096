namespace Granary.Core.Figures;

/// <summary>What tools of RabbitMQ call this node, as it was configured: such as <c>rabbit@host</c>.</summary>
public sealed record NodeName(string Value);
