namespace Granary.Core.Routing;

/// <summary>The bindings of one exchange in the shape that its kind of matching needs. For one thread at a time.</summary>
internal interface IBindingMatcher
{
    /// <summary>A match reads the message's headers.</summary>
    bool ReadsHeaders { get; }

    /// <summary>What matches one routing key once does so as long as the bindings stay.</summary>
    bool FollowsFromKey => !ReadsHeaders;

    /// <summary>A message goes to one target, by its routing key alone: the keys of CC and BCC say nothing.</summary>
    bool TakesOneKey => false;

    /// <summary>Adds one binding; the same one may be added several times.</summary>
    void Add(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target);

    /// <summary>Takes one binding away again; false if there is none.</summary>
    bool Remove(ReadOnlySpan<byte> routingKey, EncodedTable arguments, RouteTarget target);

    /// <summary>Collects the targets of all bindings that match.</summary>
    /// <param name="headers">The content of the message's headers table, or empty.</param>
    /// <param name="properties">The message's properties as on the wire, or empty.</param>
    void Match(ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> properties, TargetCollector into);
}
