using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Logs;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management.Nodes;

/// <summary>
/// What RabbitMQ has as commands of <c>rabbitmqctl</c> alone: the limits behind the alarms for memory and disk, the level of the log, and a collection of garbage. Each
/// is asked of the node itself (another one is 404), and holds until its process ends; what a node starts with is its configuration.
/// </summary>
internal sealed partial class NodeControlResources(MemoryLimit memory, ClusterFigures figures, ClientListeners listeners, ClientService clients, ILogger<NodeControlResources> log, DiskLimit? disk = null, ILogThreshold? threshold = null) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Put("/nodes/{name}/memory-watermark", Need.Administrator, SetMemoryAsync);
        routes.Get("/nodes/{name}/memory-watermark", Need.Monitor, GetMemoryAsync);
        routes.Put("/nodes/{name}/disk-free-limit", Need.Administrator, SetDiskAsync);
        routes.Put("/nodes/{name}/log-level", Need.Administrator, SetLogLevelAsync);
        routes.Get("/nodes/{name}/log-level", Need.Administrator, GetLogLevelAsync);
        routes.Put("/nodes/{name}/client-listeners", Need.Administrator, SetListenersAsync);
        routes.Get("/nodes/{name}/client-listeners", Need.Administrator, GetListenersAsync);
        routes.Put("/nodes/{name}/application", Need.Administrator, SetApplicationAsync);
        routes.Get("/nodes/{name}/application", Need.Management, GetApplicationAsync);
        routes.Post("/nodes/{name}/gc", Need.Administrator, CollectAsync);
    }

    private async Task SetMemoryAsync(ApiCall call)
    {
        var asked = await ReadAsync(call).ConfigureAwait(false);
        if (asked is { Relative: >= 0 and <= 1, Absolute: null })
        {
            memory.SetShare(asked.Relative.Value);
        }
        else if (asked is { Relative: null, Absolute: >= 0 })
        {
            memory.SetBytes(asked.Absolute.Value);
        }
        else
        {
            throw ApiException.BadRequest("relative is a fraction from 0 to 1 of the memory that the node may use, absolute a number of bytes; one of them is needed");
        }

        LogMemory(log, memory.Bytes, call.User.Name);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task GetMemoryAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        var share = memory.Share;
        await call.ReplyAsync(new LimitJson { Relative = share, Absolute = share is null ? memory.Bytes : null }, ApiJson.Default.LimitJson).ConfigureAwait(false);
    }

    private async Task SetDiskAsync(ApiCall call)
    {
        var asked = await ReadAsync(call).ConfigureAwait(false);
        if (disk is null)
        {
            throw ApiException.BadRequest("this node has no files of its own: what there is is in PostgreSQL, which watches its disk itself");
        }

        disk.Set(asked switch
        {
            { Relative: >= 0, Absolute: null } => (long)Math.Min(long.MaxValue, asked.Relative.Value * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes),
            { Relative: null, Absolute: >= 0 } => asked.Absolute.Value,
            _ => throw ApiException.BadRequest("relative is a multiple of the memory that the node may use, absolute a number of bytes; one of them is needed"),
        });
        LogDisk(log, disk.Bytes, call.User.Name);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task SetLogLevelAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        var asked = await call.ReadAsync(ApiJson.Default.LogLevelJson).ConfigureAwait(false);
        var level = asked.Level is { } name ? LogLevelJson.Parse(name) : null;
        if (level is null || threshold is null)
        {
            throw ApiException.BadRequest($"level is one of {string.Join(", ", LogLevelJson.Names)}");
        }

        // Told while one of the two levels still has it told.
        var isLess = level > threshold.Level;
        if (isLess)
        {
            LogLevelSet(log, asked.Level!, call.User.Name);
        }

        threshold.Set(level.Value);
        if (!isLess)
        {
            LogLevelSet(log, asked.Level!, call.User.Name);
        }

        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task GetLogLevelAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        await call.ReplyAsync(new LogLevelJson { Level = LogLevelJson.NameOf(threshold?.Level ?? LogLevel.Information) }, ApiJson.Default.LogLevelJson).ConfigureAwait(false);
    }

    private async Task SetListenersAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        var asked = await call.ReadAsync(ApiJson.Default.ListenersState).ConfigureAwait(false);
        if (asked.Accepting is not { } isAccepting)
        {
            throw ApiException.BadRequest("accepting is true or false");
        }

        await (isAccepting ? ResumeAsync(call, clients.ResumeAsync) : SuspendAsync()).ConfigureAwait(false);
        await call.ReplyNothingAsync().ConfigureAwait(false);

        async Task SuspendAsync()
        {
            if (await listeners.SuspendAsync().ConfigureAwait(false))
            {
                LogSuspended(log, call.User.Name);
            }
        }
    }

    /// <param name="resume">Says whether clients were not admitted before; null: they still are not.</param>
    private async Task ResumeAsync(ApiCall call, Func<Task<bool?>> resume)
    {
        try
        {
            switch (await resume().ConfigureAwait(false))
            {
                case true:
                    LogResumed(log, call.User.Name);
                    break;
                case null:
                    throw new ApiException(
                        StatusCodes.Status409Conflict, "not_running", "clients are not served at all since stop_app: start_app has to be called first");
            }
        }
        catch (IOException exception)
        {
            throw new ApiException(StatusCodes.Status503ServiceUnavailable, "service_unavailable", exception.Message);
        }
    }

    private async Task GetListenersAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        await call.ReplyAsync(new ListenersState { Accepting = !listeners.AreSuspended }, ApiJson.Default.ListenersState).ConfigureAwait(false);
    }

    private async Task SetApplicationAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        var asked = await call.ReadAsync(ApiJson.Default.ApplicationState).ConfigureAwait(false);
        if (asked.Running is not { } isRunning)
        {
            throw ApiException.BadRequest("running is true or false");
        }

        if (isRunning)
        {
            await ResumeAsync(call, async () => await clients.StartAsync().ConfigureAwait(false)).ConfigureAwait(false);
        }
        else if (await clients.StopAsync().ConfigureAwait(false))
        {
            LogStopped(log, call.User.Name);
        }

        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task GetApplicationAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        await call.ReplyAsync(new ApplicationState { Running = !clients.IsStopped }, ApiJson.Default.ApplicationState).ConfigureAwait(false);
    }

    private async Task CollectAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task<LimitJson> ReadAsync(ApiCall call)
    {
        await figures.RequireOwnAsync(call).ConfigureAwait(false);
        return await call.ReadAsync(ApiJson.Default.LimitJson).ConfigureAwait(false);
    }

    [LoggerMessage(1405, LogLevel.Information, "The memory high watermark is set to {Bytes} bytes by user '{User}', until the node is restarted")]
    private static partial void LogMemory(ILogger logger, long bytes, string user);

    [LoggerMessage(1406, LogLevel.Information, "The disk free limit is set to {Bytes} bytes by user '{User}', until the node is restarted")]
    private static partial void LogDisk(ILogger logger, long bytes, string user);

    [LoggerMessage(1407, LogLevel.Information, "The log level is set to {Level} by user '{User}', until the node is restarted")]
    private static partial void LogLevelSet(ILogger logger, string level, string user);

    [LoggerMessage(1408, LogLevel.Warning, "The listeners for clients are suspended by user '{User}': nobody else is admitted until they are resumed, or the node is restarted")]
    private static partial void LogSuspended(ILogger logger, string user);

    [LoggerMessage(1409, LogLevel.Information, "The listeners for clients are resumed by user '{User}'")]
    private static partial void LogResumed(ILogger logger, string user);

    [LoggerMessage(1410, LogLevel.Warning, "Clients are no longer served, by user '{User}' (stop_app): their connections are closed, and nobody is admitted until start_app, or the node is restarted")]
    private static partial void LogStopped(ILogger logger, string user);
}

/// <summary>Whether clients of AMQP and gRPC are served: RabbitMQ's application <c>rabbit</c>.</summary>
internal sealed record ApplicationState
{
    public bool? Running { get; set; }
}

/// <summary>Whether clients of AMQP and gRPC are admitted.</summary>
internal sealed record ListenersState
{
    public bool? Accepting { get; set; }
}

/// <summary>A limit of memory or disk: one of the two.</summary>
internal sealed record LimitJson
{
    /// <summary>To the memory that the node may use.</summary>
    public double? Relative { get; set; }

    /// <summary>In octets.</summary>
    public long? Absolute { get; set; }
}

/// <summary>A level of the log, by RabbitMQ's names.</summary>
internal sealed record LogLevelJson
{
    private static readonly (string Name, LogLevel Level)[] Levels =
    [
        ("debug", LogLevel.Debug), ("info", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error), ("critical", LogLevel.Critical), ("none", LogLevel.None),
    ];

    public string? Level { get; set; }

    public static IEnumerable<string> Names => Levels.Select(static level => level.Name);

    /// <summary>Null: there is none of that name.</summary>
    public static LogLevel? Parse(string name) => name switch
    {
        // Erlang has more of them; they stand for the next one that there is.
        "notice" => LogLevel.Warning,
        "alert" or "emergency" => LogLevel.Critical,
        _ => Levels.Where(level => level.Name == name).Select(static level => (LogLevel?)level.Level).FirstOrDefault(),
    };

    public static string NameOf(LogLevel level) => Levels.Where(known => known.Level >= level).Select(static known => known.Name).First();
}
