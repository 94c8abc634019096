using Granary.Amqp;
using Granary.Core;
using Granary.Core.Policies;
using Granary.Core.Topology;

namespace Granary.Silo.Queues.Definition;

/// <summary>What a queue was declared as, and what RabbitMQ's rules say about it.</summary>
/// <param name="Owner">The only connection that may use it, or null.</param>
/// <param name="EncodedArguments">As the client sent them.</param>
internal sealed record QueueDefinition(
    string Vhost, string Name, QueueTypes Type, bool Durable, ConnectionId? Owner, bool AutoDelete, EncodedTable EncodedArguments)
{
    private readonly FieldTable _arguments = EncodedArguments.Decode();

    /// <summary>What its arguments alone make of it: policies may limit it further (<see cref="SettingsWith"/>).</summary>
    public QueueSettings Settings { get; } = Type switch
    {
        QueueTypes.Delayed => QueueSettings.OfDelayed(OwnQueueOf(Name).Exchange),
        QueueTypes.History => QueueSettings.OfHistory(OwnQueueOf(Name).Length),
        _ => QueueSettings.From(EncodedArguments.Decode(), Type),
    };

    private BrokerError ReservedName => BrokerError.ReservedName("queue", Name);

    private string Kind => $"queue '{Name}' in vhost '{Vhost}'";

    /// <summary>What a declaration asks for, or why there can be no such queue.</summary>
    public static (QueueDefinition? Definition, BrokerError? Error) From(string vhost, string name, QueueDeclaration declaration)
    {
        var definition = AsAsked(vhost, name, declaration);
        return definition.Validate(declaration) is { } error ? (null, error) : (definition, null);
    }

    /// <summary>What was stored: it was checked when it was declared.</summary>
    public static QueueDefinition Stored(string vhost, string name, QueueDeclaration declaration) => AsAsked(vhost, name, declaration);

    public QueueSettings SettingsWith(AppliedPolicy policy) => policy == AppliedPolicy.None || IsHidden ? Settings : QueueSettings.From(_arguments, Type, policy);

    /// <summary>A declaration that asks for just this.</summary>
    public QueueDeclaration ToDeclaration() =>
        new(Owner ?? default, Durable, Exclusive: Owner is not null, AutoDelete, EncodedArguments, ReservedNameAllowed: true);

    /// <summary>It is an exchange's own, and there is no such queue for clients.</summary>
    public bool IsHidden => Type is QueueTypes.Delayed or QueueTypes.History;

    /// <summary>405 when the queue belongs to another connection.</summary>
    public BrokerError? CheckAccess(ConnectionId by) => Owner is { } owner && owner != by ? BrokerError.QueueLocked(Vhost, Name)
        : IsHidden ? BrokerError.NoQueue(Vhost, Name)
        : null;

    /// <summary>
    /// What differs between this queue and a declaration of it: the owner first, then durable, auto_delete and those arguments that this type of
    /// queue knows (rabbit_amqqueue's assert_equivalence). An exclusive queue is stored as not durable, so that is what is compared.
    /// </summary>
    public BrokerError? CheckEquivalence(QueueDeclaration declaration)
    {
        if (IsHidden)
        {
            return ReservedName;
        }

        if (Owner is null ? declaration.Exclusive : !declaration.Exclusive || Owner != declaration.Connection)
        {
            return BrokerError.QueueLocked(Vhost, Name);
        }

        var durable = declaration.Durable && !declaration.Exclusive;
        return CompareFlags("durable", durable, Durable)
            ?? CompareFlags("auto_delete", declaration.AutoDelete, AutoDelete)
            ?? CompareArguments(declaration.Arguments);
    }

    /// <summary>Whether a queue with these counts may be deleted (rabbit_amqqueue's delete; quorum queues know no conditions).</summary>
    public BrokerError? CheckDelete(bool ifUnused, bool ifEmpty, int consumers, long ready)
    {
        if (Type == QueueTypes.Quorum && (ifUnused || ifEmpty))
        {
            var flag = ifUnused ? "if-unused" : "if-empty";
            return new BrokerError(
                ReplyCode.NotImplemented, $"cannot delete {Kind}. queue.delete operations with {flag} flag set are not supported by quorum queues");
        }

        if (Type == QueueTypes.Stream)
        {
            return null;
        }

        return ifUnused && consumers > 0 ? new BrokerError(ReplyCode.PreconditionFailed, $"{Kind} in use")
            : ifEmpty && ready > 0 ? new BrokerError(ReplyCode.PreconditionFailed, $"{Kind} not empty")
            : null;
    }

    /// <summary>Streams are read, and nothing is taken out of them (rabbit_amqqueue's purge).</summary>
    public BrokerError? CheckPurge() =>
        Type == QueueTypes.Stream ? new BrokerError(ReplyCode.NotImplemented, $"queue.purge not supported by stream queues {Kind}") : null;

    /// <summary>405 where messages only go to the one consumer that is active (rabbit_channel's unsupported_single_active_consumer_error; classic queues allow it).</summary>
    public BrokerError? CheckGet() => Type == QueueTypes.Quorum && Settings.SingleActiveConsumer
        ? new BrokerError(
            ReplyCode.ResourceLocked, $"cannot obtain access to locked {Kind}. basic.get operations are not supported by quorum queues with single active consumer")
        : null;

    private static QueueDefinition AsAsked(string vhost, string name, QueueDeclaration declaration)
    {
        var type = QueueTypes.Classic;
        if (declaration.ReservedNameAllowed && HiddenQueue.TryParse(name, out var hidden))
        {
            type = hidden.Kind == HiddenQueueKind.History ? QueueTypes.History : QueueTypes.Delayed;
        }
        else if (!declaration.Arguments.IsEmpty && declaration.Arguments.Decode().TryGetValue(QueueArguments.Type, out var value) && value.TryGetText(out var text))
        {
            type = QueueArguments.TypeNamed(text);
        }

        return new QueueDefinition(
            vhost, name, type, declaration.Durable && !declaration.Exclusive, declaration.Exclusive ? declaration.Connection : null,
            declaration.AutoDelete, declaration.Arguments);
    }

    private BrokerError? Validate(QueueDeclaration declaration)
    {
        if (Name.StartsWith(BrokerError.ReservedPrefix, StringComparison.Ordinal) && !declaration.ReservedNameAllowed)
        {
            return ReservedName;
        }

        // Before anything else, as it is about which name the queue is to have (rabbit_channel).
        if ((Type & QueueTypes.Replicated) != 0 && declaration.ReservedNameAllowed && Name.StartsWith(BrokerError.ReservedPrefix, StringComparison.Ordinal))
        {
            return Precondition($"Cannot declare a server-named queue for type rabbit_{TypeName}_queue");
        }

        return ValidateArguments() ?? ValidateProperties();
    }

    private BrokerError? ValidateArguments()
    {
        if (_arguments.Count == 0)
        {
            return null;
        }

        // Its name is looked up, to see whether the user may write there, before any argument is checked (rabbit_channel).
        if (_arguments.TryGetValue(QueueArguments.DeadLetterExchange, out var exchange) && exchange.Kind != FieldKind.LongString)
        {
            return Precondition($"invalid type '{FieldText.TypeName(exchange.Kind)}' for arg '{QueueArguments.DeadLetterExchange}' in {Kind}");
        }

        foreach (var argument in QueueArguments.All.OrderByDescending(argument => argument.Name == QueueArguments.Type))
        {
            if ((argument.KnownTo & Type) != 0 || argument.Name == QueueArguments.Type)
            {
                if (_arguments.TryGetValue(argument.Name, out var value) && argument.Check(value, _arguments) is { } term)
                {
                    return Precondition($"invalid arg '{argument.Name}' for {Kind}: {term}");
                }
            }
        }

        foreach (var (name, _) in _arguments)
        {
            if (Array.Find(QueueArguments.All, argument => argument.Name == name) is { } known && (known.KnownTo & Type) == 0)
            {
                return Precondition($"invalid arg '{name}' for {Kind} of queue type rabbit_{TypeName}_queue");
            }
        }

        return null;
    }

    private BrokerError? ValidateProperties()
    {
        if ((Type & QueueTypes.Replicated) == 0)
        {
            return null;
        }

        return AutoDelete ? Precondition($"invalid property 'auto-delete' for {Kind}")
            : Owner is not null ? Precondition($"invalid property 'exclusive-owner' for {Kind}")
            : !Durable ? Precondition($"invalid property 'non-durable' for {Kind}")
            : Type == QueueTypes.Stream && QueueArguments.CheckStream(_arguments) is { } text ? Precondition(text)
            : null;
    }

    /// <summary>As x-queue-type has it.</summary>
    public string TypeName => Type switch
    {
        QueueTypes.Quorum => "quorum",
        QueueTypes.Stream => "stream",
        _ => "classic",
    };

    private static HiddenQueue OwnQueueOf(string name) => HiddenQueue.TryParse(name, out var hidden) ? hidden : throw new ArgumentException($"'{name}' is no exchange's own queue.", nameof(name));

    private static BrokerError Precondition(string explanation) => new(ReplyCode.PreconditionFailed, explanation);

    private BrokerError? CompareFlags(string name, bool received, bool current) =>
        received == current ? null : Inequivalent(name, received ? "'true'" : "'false'", current ? "'true'" : "'false'");

    private BrokerError? CompareArguments(EncodedTable received)
    {
        if (received == EncodedArguments)
        {
            return null;
        }

        var others = received.Decode();
        foreach (var argument in QueueArguments.ComparedBy(Type))
        {
            var isHere = _arguments.TryGetValue(argument.Name, out var mine);
            var isThere = others.TryGetValue(argument.Name, out var theirs);
            var same = argument.Name == QueueArguments.Type
                ? TypeOf(isHere, mine) == TypeOf(isThere, theirs)
                : isHere == isThere && (!isHere || AreSame(mine, theirs));
            if (same)
            {
                continue;
            }

            if (argument.Name == QueueArguments.Type)
            {
                return Inequivalent(argument.Name, TypeText(isThere, theirs), TypeText(isHere, mine));
            }

            return isHere && isThere
                ? Inequivalent(argument.Name, FieldText.Bare(theirs), FieldText.Bare(mine))
                : Inequivalent(argument.Name, isThere ? FieldText.Typed(theirs) : "none", isHere ? FieldText.Typed(mine) : "none");
        }

        return null;
    }

    /// <summary>No type is the classic type.</summary>
    private static QueueTypes TypeOf(bool present, FieldValue value) =>
        !present ? QueueTypes.Classic : value.TryGetText(out var text) ? QueueArguments.TypeNamed(text) : QueueTypes.None;

    /// <summary>RabbitMQ keeps the type with a queue that was declared without one.</summary>
    private static string TypeText(bool present, FieldValue value) => present ? FieldText.Bare(value) : "'classic'";

    /// <summary>Integers are the same whatever their width.</summary>
    private static bool AreSame(FieldValue left, FieldValue right) =>
        left.TryGetInteger(out var a) && right.TryGetInteger(out var b) ? a == b : left.Equals(right);

    private BrokerError Inequivalent(string argument, string received, string current) =>
        BrokerError.InequivalentArgument(argument, "queue", Name, Vhost, received, current);
}
