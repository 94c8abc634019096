using System.Reflection;
using Granary.Core.Grains;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Gives out queues and exchanges made by the test, by name in the vhost <c>/</c>, and its users. Observers are themselves.</summary>
internal sealed class FakeGrains
{
    private readonly Dictionary<string, IQueueGrain> _queues = [];
    private readonly Func<string, IQueueGrain> _queue;
    private readonly Func<string, IExchangeGrain>? _exchange;
    private readonly IAccessGrain? _access;

    public FakeGrains(Func<string, IQueueGrain> queue, Func<string, IExchangeGrain>? exchange = null, IAccessGrain? access = null)
    {
        (_queue, _exchange, _access) = (queue, exchange, access);
        Factory = DispatchProxy.Create<IGrainFactory, FakeGrainFactory>();
        ((FakeGrainFactory)Factory).Grains = this;
    }

    /// <summary>What a gateway is given. A proxy: a real factory has many more members than a gateway calls.</summary>
    public IGrainFactory Factory { get; }

    /// <summary>Observers made and not deleted.</summary>
    public int Observers { get; private set; }

    internal object? Answer(MethodInfo method, object? argument)
    {
        switch (method.Name, argument)
        {
            case (nameof(IGrainFactory.GetGrain), GrainId id) when method.GetGenericArguments()[0] == typeof(IExchangeGrain):
                return (_exchange ?? throw new NotSupportedException("no exchanges"))(GrainKeys.Parse($"{id.Key}").Name);
            case (nameof(IGrainFactory.GetGrain), GrainId) when method.GetGenericArguments()[0] == typeof(IAccessGrain):
                return _access ?? throw new NotSupportedException("no users");
            case (nameof(IGrainFactory.GetGrain), GrainId id):
                return QueueOf($"{id.Key}");
            case (nameof(IGrainFactory.CreateObjectReference), not null):
                Observers++;
                return argument;
            case (nameof(IGrainFactory.DeleteObjectReference), not null):
                Observers--;
                return null;
            default:
                throw new NotSupportedException(method.Name);
        }
    }

    private IQueueGrain QueueOf(string primaryKey)
    {
        var (vhost, name) = GrainKeys.Parse(primaryKey);
        Assert.Equal("/", vhost);
        if (!_queues.TryGetValue(name, out var grain))
        {
            _queues[name] = grain = _queue(name);
        }

        return grain;
    }
}

/// <summary>The base of the class that is made for <see cref="FakeGrains"/> at run time.</summary>
public class FakeGrainFactory : DispatchProxy
{
    internal FakeGrains? Grains { get; set; }

    /// <inheritdoc/>
    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Grains!.Answer(targetMethod!, args![0]);
}
