using System.Diagnostics.CodeAnalysis;
using Granary.Core;
using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Silo.Exchanges;

/// <summary>
/// One exchange name: what is declared by it, its bindings, and which exchanges lead to it. Synchronous; what changes is told
/// in order, one call per change.
/// </summary>
internal sealed class Exchange
{
    private readonly string _vhost;
    private readonly string _name;
    private readonly Action<ExchangeChange> _changed;
    private readonly HashSet<Binding> _bindings = [];
    private readonly Dictionary<(DestinationKind Kind, string Name), HashSet<Binding>> _byDestination = [];
    private readonly HashSet<string> _sources = new(StringComparer.Ordinal);
    private ExchangeDeclaration? _declaration;
    private Guid _incarnation;

    public Exchange(string vhost, string name, Guid incarnation, Action<ExchangeChange> changed)
    {
        (_vhost, _name, _changed) = (vhost, name, changed);
        if (PredeclaredExchanges.All.TryGetValue(name, out var declaration))
        {
            Create(declaration, incarnation);
        }
    }

    [MemberNotNullWhen(true, nameof(_declaration))]
    public bool Exists => _declaration is not null;

    /// <summary>Nothing would be lost with this object: it is as it was made.</summary>
    public bool IsPristine => _bindings.Count == 0 && _sources.Count == 0 && Exists == PredeclaredExchanges.All.ContainsKey(_name);

    public IReadOnlyCollection<Binding> Bindings => _bindings;

    private bool IsDefault => _name.Length == 0;

    private BrokerError NotFound => BrokerError.NoExchange(_vhost, _name);

    /// <param name="incarnation">The identity of the exchange if it is created.</param>
    public BrokerError? Declare(ExchangeDeclaration declaration, Guid incarnation)
    {
        if ((ExchangeRules.CheckType(declaration.Type) ?? RefuseDefault()) is { } refused)
        {
            return refused;
        }

        if (Exists)
        {
            return ExchangeRules.CheckEquivalence(_vhost, _name, _declaration, declaration);
        }

        if ((ExchangeRules.CheckName(_name) ?? ExchangeRules.CheckArguments(_vhost, _name, declaration.Arguments.Decode())) is { } invalid)
        {
            return invalid;
        }

        Create(declaration, incarnation);
        return null;
    }

    public BrokerError? Check() => RefuseDefault() ?? (Exists ? null : NotFound);

    /// <param name="deletion">What was deleted and leaves work to do elsewhere, or null.</param>
    public BrokerError? Delete(bool ifUnused, out ExchangeDeletion? deletion)
    {
        deletion = null;
        if ((RefuseDefault() ?? ExchangeRules.CheckDeletable(_vhost, _name)) is { } refused)
        {
            return refused;
        }

        if (!Exists)
        {
            return null;
        }

        if (ifUnused && _bindings.Count > 0)
        {
            return new BrokerError(Amqp.ReplyCode.PreconditionFailed, $"exchange '{_name}' in vhost '{_vhost}' in use");
        }

        deletion = End();
        return null;
    }

    public BrokerError? Bind(Binding binding)
    {
        if (Check() is { } refused)
        {
            return refused;
        }

        if (ExchangeRules.CheckBinding(_declaration!.Type, binding.Arguments) is { } invalid)
        {
            return invalid;
        }

        binding = Normal(binding);
        if (_bindings.Add(binding))
        {
            var destination = (binding.Destination.Kind, binding.Destination.Name);
            if (!_byDestination.TryGetValue(destination, out var bindings))
            {
                bindings = [];
                _byDestination.Add(destination, bindings);
            }

            bindings.Add(binding);
            _changed(ExchangeChange.Bound(binding));
        }

        return null;
    }

    /// <summary>Removes a binding; a destination without incarnation stands for all of that name.</summary>
    /// <param name="deletion">Set when this was the last binding of an auto-delete exchange.</param>
    public BrokerError? Unbind(Binding binding, out ExchangeDeletion? deletion)
    {
        deletion = null;
        if (Check() is { } refused)
        {
            return refused;
        }

        binding = Normal(binding);
        deletion = Remove(binding.Destination, candidate =>
            candidate.RoutingKey == binding.RoutingKey && candidate.Arguments == binding.Arguments);
        return null;
    }

    /// <summary>Removes all bindings to a destination; without incarnation, to all of that name.</summary>
    public ExchangeDeletion? RemoveDestination(Destination destination) => Remove(destination, static _ => true);

    /// <summary>Remembers that <paramref name="source"/> may have bindings to this exchange.</summary>
    public ExchangeAnswer AddSource(string source)
    {
        if (Check() is { } refused)
        {
            return new ExchangeAnswer(refused, default);
        }

        _sources.Add(source);
        return new ExchangeAnswer(null, _incarnation);
    }

    /// <summary>The present state, to which changes after <paramref name="number"/> apply; null when there is no exchange.</summary>
    public ExchangeSnapshot? ToSnapshot(Guid epoch, long number) => Exists
        ? new ExchangeSnapshot(epoch, number, _declaration, ExchangeRules.AlternateExchangeOf(_declaration.Arguments.Decode()), [.. _bindings])
        : null;

    // RabbitMQ tells bindings apart by their arguments in the order of the keys.
    private static Binding Normal(Binding binding) =>
        binding.Arguments.IsEmpty ? binding : binding with { Arguments = ExchangeRules.Sorted(binding.Arguments) };

    private BrokerError? RefuseDefault() => IsDefault ? ExchangeRules.NotOnDefaultExchange : null;

    private void Create(ExchangeDeclaration declaration, Guid incarnation) => (_declaration, _incarnation) = (declaration, incarnation);

    private ExchangeDeletion? Remove(Destination destination, Func<Binding, bool> isMeant)
    {
        if (!Exists || !_byDestination.TryGetValue((destination.Kind, destination.Name), out var bindings))
        {
            return null;
        }

        var meant = bindings
            .Where(binding => (destination.Incarnation == default || binding.Destination.Incarnation == destination.Incarnation) && isMeant(binding))
            .ToList();
        foreach (var binding in meant)
        {
            bindings.Remove(binding);
            _bindings.Remove(binding);
            _changed(ExchangeChange.Unbound(binding));
        }

        if (bindings.Count == 0)
        {
            _byDestination.Remove((destination.Kind, destination.Name));
        }

        return meant.Count > 0 && _bindings.Count == 0 && _declaration.AutoDelete ? End() : null;
    }

    private ExchangeDeletion End()
    {
        var deletion = new ExchangeDeletion(new Destination(DestinationKind.Exchange, _name, _incarnation), [.. _sources]);
        _bindings.Clear();
        _byDestination.Clear();
        _sources.Clear();
        _declaration = null;
        _changed(ExchangeChange.Deleted);
        return deletion;
    }
}

/// <summary>What a deleted exchange leaves to do: the bindings to it, at their sources.</summary>
internal sealed record ExchangeDeletion(Destination Destination, string[] Sources);
