namespace Granary.Core.Access;

/// <summary>What somebody was given in one vhost: by permissions, or by the scopes of a token.</summary>
public interface IGrants
{
    /// <param name="name">Of a queue or an exchange; the default exchange's is <c>amq.default</c>.</param>
    bool Allows(Right right, string name);

    /// <summary>Whatever the name is: nothing has to be asked.</summary>
    bool AllowsAll(Right right);

    /// <summary>Whether routing keys matter for any topic exchange.</summary>
    bool LimitsAnyTopics { get; }

    /// <summary>Whether routing keys matter for a topic exchange of that name.</summary>
    bool LimitsTopics(string exchange);

    /// <summary>For an exchange for which they matter.</summary>
    bool AllowsTopic(Right right, string exchange, string key);
}
