namespace Grpc.Core;

/// <summary>Where calls go to.</summary>
public abstract class ChannelBase(string target)
{
    public string Target { get; } = target;

    public abstract CallInvoker CreateCallInvoker();

    public Task ShutdownAsync() => ShutdownAsyncCore();

    protected virtual Task ShutdownAsyncCore() => Task.CompletedTask;
}

/// <summary>The base of generated clients.</summary>
public abstract class ClientBase
{
    private readonly ClientBaseConfiguration _configuration;

    protected ClientBase()
        : this(new ClientBaseConfiguration(null))
    {
    }

    protected ClientBase(ClientBaseConfiguration configuration)
    {
        _configuration = configuration;
    }

    public ClientBase(ChannelBase channel)
        : this(channel.CreateCallInvoker())
    {
    }

    public ClientBase(CallInvoker callInvoker)
        : this(new ClientBaseConfiguration(callInvoker))
    {
    }

    /// <summary>Missing only in clients made by the protected constructor, which is there for test doubles.</summary>
    protected CallInvoker CallInvoker => _configuration.CallInvoker ?? throw new NotImplementedException("This client has no channel.");

    /// <summary>What <c>NewInstance</c> of a generated client is given.</summary>
    protected internal class ClientBaseConfiguration
    {
        internal ClientBaseConfiguration(CallInvoker? callInvoker)
        {
            CallInvoker = callInvoker;
        }

        internal CallInvoker? CallInvoker { get; }
    }
}

/// <summary>The base of generated clients, which knows their type.</summary>
public abstract class ClientBase<T> : ClientBase
    where T : ClientBase<T>
{
    protected ClientBase()
    {
    }

    protected ClientBase(ClientBaseConfiguration configuration)
        : base(configuration)
    {
    }

    public ClientBase(ChannelBase channel)
        : base(channel)
    {
    }

    public ClientBase(CallInvoker callInvoker)
        : base(callInvoker)
    {
    }

    protected abstract T NewInstance(ClientBaseConfiguration configuration);
}
