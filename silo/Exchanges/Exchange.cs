using System.Diagnostics.CodeAnalysis;
using Granary.Core;
using Granary.Core.Policies;
using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Silo.Exchanges;

/// <summary>
/// One exchange name: what is declared by it, its bindings, and which exchanges lead to it. Synchronous; what changes is told
/// in order, one call per change, and what of it is to be stored gathers in <see cref="Unstored"/>.
/// </summary>
internal sealed class Exchange
{
    private readonly string _vhost;
    private readonly string _name;
    private readonly Action<ExchangeChange> _changed;
    private readonly bool _keepsTransient;

    /// <summary>With each, whether it is stored.</summary>
    private readonly Dictionary<Binding, bool> _bindings = [];
    private readonly Dictionary<(DestinationKind Kind, string Name), HashSet<Binding>> _byDestination = [];
    private readonly HashSet<string> _sources = new(StringComparer.Ordinal);
    private readonly List<BindingDebt> _debts = [];
    private readonly EndedDestinations _ended = new();
    private ExchangeDeclaration? _declaration;
    private Guid _incarnation;
    private string? _alternateByPolicy;
    private int _transientBindings;

    /// <param name="keepsTransient">What is not durable is stored, too: it has to come back when its silo is lost.</param>
    public Exchange(string vhost, string name, Action<ExchangeChange> changed, bool keepsTransient = false)
    {
        (_vhost, _name, _changed, _keepsTransient) = (vhost, name, changed, keepsTransient);
        if (PredeclaredExchanges.All.TryGetValue(name, out var declaration))
        {
            // It cannot be deleted, so it is the same one for ever, and not stored.
            (_declaration, _incarnation) = (declaration, PredeclaredExchanges.Incarnation);
        }
    }

    [MemberNotNullWhen(true, nameof(_declaration))]
    public bool Exists => _declaration is not null;

    /// <summary>What it is; null: there is none. May be asked by any thread.</summary>
    public ExchangeDeclaration? Declaration => Volatile.Read(ref _declaration);

    /// <summary>Nothing would be lost with this object: it can be made again from what is stored.</summary>
    public bool IsForgettable => !Exists || (IsStored(_declaration) && _transientBindings == 0);

    /// <summary>Until when it has to know which destinations are gone, by the clock of <see cref="RemoveDestination"/>, or 0.</summary>
    public long RemembersUntil => _ended.Until;

    public IReadOnlyCollection<Binding> Bindings => _bindings.Keys;

    /// <summary>What is to be stored, for the caller to take.</summary>
    public UnstoredChanges Unstored { get; } = new();

    /// <summary>Deletions that are to be finished whatever happens.</summary>
    public IReadOnlyList<BindingDebt> Debts => _debts;

    /// <summary>The name of the queue that it has for itself; null: it has none.</summary>
    public string? OwnQueue => Exists ? HiddenQueue.Of(_name, _incarnation, _declaration)?.Name : null;

    /// <summary>The queue that has what it published last, for those that are bound later; null: it has none.</summary>
    public string? History => _declaration is { Type: ExchangeTypes.RecentHistory } ? OwnQueue : null;

    private bool IsDefault => _name.Length == 0;

    private BrokerError NotFound => BrokerError.NoExchange(_vhost, _name);

    /// <summary>Takes over what is stored, before anything else happens.</summary>
    public void Restore(ExchangeState? state, IEnumerable<Binding> bindings)
    {
        if (state is not null)
        {
            _debts.AddRange(state.Debts);
            if (state.Declaration is not null)
            {
                (_declaration, _incarnation) = (state.Declaration, state.Incarnation);
                _sources.UnionWith(state.Sources);
            }
        }

        foreach (var binding in bindings)
        {
            Add(binding, isStored: true);
        }
    }

    /// <summary>It was restored, and whom it belonged to is gone: it is deleted.</summary>
    /// <returns>What that leaves to do elsewhere.</returns>
    public BindingDebt Abandon() => End();

    /// <summary>What is to be stored now; null for nothing.</summary>
    public ExchangeState? ToState()
    {
        if (IsKept)
        {
            return new ExchangeState { Declaration = _declaration, Incarnation = _incarnation, Sources = [.. _sources], Debts = [.. _debts] };
        }

        return _debts.Count > 0 ? new ExchangeState { Debts = [.. _debts] } : null;
    }

    /// <summary>Nothing is left of a deletion.</summary>
    public void Settle(BindingDebt deletion) => Unstored.Definition |= _debts.Remove(deletion);

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

        if ((ExchangeRules.CheckName(_name) ?? ExchangeRules.CheckArguments(_vhost, _name, declaration.Type, declaration.Arguments.Decode())) is { } invalid)
        {
            return invalid;
        }

        Create(declaration, incarnation);
        return null;
    }

    public BrokerError? Check() => RefuseDefault() ?? (Exists ? null : NotFound);

    /// <param name="deletion">What was deleted and leaves work to do elsewhere, or null.</param>
    public BrokerError? Delete(bool ifUnused, out BindingDebt? deletion)
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

    /// <summary>Deletes the exchange, if there is one, and of one that cannot be deleted all bindings.</summary>
    /// <returns>What was deleted and leaves work to do elsewhere, or null.</returns>
    public BindingDebt? Remove()
    {
        if (!Exists)
        {
            return null;
        }

        if (!PredeclaredExchanges.All.ContainsKey(_name))
        {
            return End();
        }

        foreach (var binding in _bindings.Keys.ToArray())
        {
            Forget(binding);
            _changed(ExchangeChange.Unbound(binding));
        }

        _byDestination.Clear();
        return null;
    }

    /// <param name="toDurable">The destination is durable.</param>
    public BrokerError? Bind(Binding binding, bool toDurable)
    {
        if (Check() is { } refused)
        {
            return refused;
        }

        if (ExchangeRules.CheckBinding(ExchangeTypes.RoutesAs(_declaration!.Type, _declaration.Arguments), binding) is { } invalid)
        {
            return invalid;
        }

        if (_ended.Contains(binding.Destination.Incarnation))
        {
            return binding.Destination.Kind == DestinationKind.Queue
                ? BrokerError.NoQueue(_vhost, binding.Destination.Name)
                : BrokerError.NoExchange(_vhost, binding.Destination.Name);
        }

        binding = Normal(binding);
        if (!_bindings.ContainsKey(binding))
        {
            var isStored = (toDurable || _keepsTransient) && IsStored(_declaration);
            Add(binding, isStored);
            _changed(ExchangeChange.Bound(binding));
            if (isStored)
            {
                Unstored.Bindings.Add((binding, IsAdded: true));
            }
        }

        return null;
    }

    /// <summary>Removes a binding; a destination without incarnation stands for all of that name.</summary>
    /// <param name="deletion">Set when this was the last binding of an auto-delete exchange.</param>
    public BrokerError? Unbind(Binding binding, out BindingDebt? deletion)
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

    /// <summary>Removes all bindings to a destination that is gone, also those that come later; without incarnation, those that there are to any of that name.</summary>
    /// <param name="now">Milliseconds.</param>
    public BindingDebt? RemoveDestination(Destination destination, long now)
    {
        if (destination.Incarnation != default)
        {
            _ended.Add(destination.Incarnation, now);
        }

        return Remove(destination, static _ => true);
    }

    /// <summary>Remembers that <paramref name="source"/> may have bindings to this exchange.</summary>
    public ExchangeAnswer AddSource(string source)
    {
        if (Check() is { } refused)
        {
            return new ExchangeAnswer(refused, default, Durable: false);
        }

        // One that is never deleted need not know.
        if (!PredeclaredExchanges.All.ContainsKey(_name) && _sources.Add(source))
        {
            Unstored.Definition |= IsKept;
        }

        return new ExchangeAnswer(null, _incarnation, _declaration!.Durable);
    }

    public OwnQueueAnswer FindOwnQueue() =>
        Check() is { } refused ? new OwnQueueAnswer(refused, "")
        : OwnQueue is { } queue && _declaration!.Type == ExchangeTypes.DelayedMessage ? new OwnQueueAnswer(null, queue)
        : new OwnQueueAnswer(new BrokerError(Amqp.ReplyCode.PreconditionFailed, $"exchange '{_name}' in vhost '{_vhost}' is not of the type '{ExchangeTypes.DelayedMessage}'"), "");

    /// <summary>The present state, to which changes after <paramref name="number"/> apply; null when there is no exchange.</summary>
    public ExchangeSnapshot? ToSnapshot(Guid epoch, long number) =>
        Exists ? new ExchangeSnapshot(epoch, number, _declaration, AlternateOf(_declaration), [.. _bindings.Keys]) { Incarnation = _incarnation } : null;

    /// <summary>Goes by what policies say of its alternate exchange; what its own arguments say comes first.</summary>
    public void Apply(AppliedPolicy policy)
    {
        var before = Exists ? AlternateOf(_declaration) : null;
        _alternateByPolicy = policy.Definition.Text(ExchangeRules.AlternateExchange);
        if (Exists && AlternateOf(_declaration) is var now && now != before)
        {
            _changed(ExchangeChange.Alternate(now));
        }
    }

    private string? AlternateOf(ExchangeDeclaration declaration) => ExchangeRules.AlternateExchangeOf(declaration.Arguments.Decode()) ?? _alternateByPolicy;

    // RabbitMQ tells bindings apart by their arguments in the order of the keys.
    private static Binding Normal(Binding binding) =>
        binding.Arguments.IsEmpty ? binding : binding with { Arguments = ExchangeRules.Sorted(binding.Arguments) };

    private BrokerError? RefuseDefault() => IsDefault ? ExchangeRules.NotOnDefaultExchange : null;

    private bool IsKept => Exists && IsStored(_declaration) && !PredeclaredExchanges.All.ContainsKey(_name);

    private bool IsStored(ExchangeDeclaration declaration) => declaration.Durable || _keepsTransient;

    private void Create(ExchangeDeclaration declaration, Guid incarnation)
    {
        (_declaration, _incarnation) = (declaration, incarnation);
        Unstored.Definition |= IsStored(declaration);
    }

    private void Add(Binding binding, bool isStored)
    {
        _bindings.Add(binding, isStored);
        _transientBindings += isStored ? 0 : 1;
        var destination = (binding.Destination.Kind, binding.Destination.Name);
        if (!_byDestination.TryGetValue(destination, out var bindings))
        {
            bindings = [];
            _byDestination.Add(destination, bindings);
        }

        bindings.Add(binding);
    }

    private void Forget(Binding binding)
    {
        _bindings.Remove(binding, out var isStored);
        if (isStored)
        {
            Unstored.Bindings.Add((binding, IsAdded: false));
        }
        else
        {
            _transientBindings--;
        }
    }

    private BindingDebt? Remove(Destination destination, Func<Binding, bool> isMeant)
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
            Forget(binding);
            _changed(ExchangeChange.Unbound(binding));
        }

        if (bindings.Count == 0)
        {
            _byDestination.Remove((destination.Kind, destination.Name));
        }

        return meant.Count > 0 && _bindings.Count == 0 && _declaration.AutoDelete ? End() : null;
    }

    private BindingDebt End()
    {
        var deletion = new BindingDebt(new Destination(DestinationKind.Exchange, _name, _incarnation), [.. _sources]) { Queue = OwnQueue };
        var isStored = IsStored(_declaration!);
        Unstored.Definition |= isStored;
        if (isStored && !deletion.IsNothing)
        {
            _debts.Add(deletion);
        }

        foreach (var binding in _bindings.Keys.ToArray())
        {
            Forget(binding);
        }

        _byDestination.Clear();
        _sources.Clear();
        _declaration = null;
        _changed(ExchangeChange.Deleted);
        return deletion;
    }
}

/// <summary>What a turn changed and the store does not know yet.</summary>
internal sealed class UnstoredChanges
{
    /// <summary><see cref="Exchange.ToState"/> has changed.</summary>
    public bool Definition { get; set; }

    /// <summary>Bindings between durable ends that came or went.</summary>
    public List<(Binding Binding, bool IsAdded)> Bindings { get; } = [];

    public bool IsEmpty => !Definition && Bindings.Count == 0;

    public void Clear()
    {
        Definition = false;
        Bindings.Clear();
    }
}
