using System.Net;
using System.Text.RegularExpressions;
using Granary.Testing.Logs;
using Granary.Testing.Processes;
using k8s.Models;

namespace Granary.Chart.Tests.Running;

/// <summary>
/// A container of a rendered pod as a process of this machine: with its command, environment, ports and probes as they are in the manifest. Its pod's address is one of the
/// loopback network, so that every pod has its ports to itself.
/// </summary>
internal sealed partial class PodProcess : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly V1Container _container;
    private readonly ChildProcess _process;
    private readonly LastWill _will;

    private PodProcess(Pod pod, V1Container container, ChildProcess process) =>
        (Pod, _container, _process, _will) = (pod, container, process, new LastWill(process.Id, pod.Folder));

    public Pod Pod { get; }

    public string Log => _process.Output;

    public static PodProcess Start(Pod pod, V1Container container, Cluster cluster)
    {
        var mounts = (container.VolumeMounts ?? []).ToDictionary(mount => mount.MountPath, mount => pod.FolderOf(mount.Name, cluster));
        var environment = (container.Env ?? []).ToDictionary(one => one.Name, one => Mounted(ValueOf(one, pod, cluster), mounts));

        // All addresses of the pod are one.
        if (environment.TryGetValue("GRANARY_BIND", out var bind) && IPAddress.Parse(bind).Equals(IPAddress.Any))
        {
            environment["GRANARY_BIND"] = pod.Address;
        }

        string[] words = [.. container.Command, .. container.Args ?? []];
        var command = words.Select(word => cluster.Resolve(InImage(Expanded(word, environment)))).ToList();
        return new PodProcess(pod, container, ChildProcess.Start(command[0], command[1..], environment, pod.Folder));
    }

    /// <summary>Completes when the startup probe and then the readiness probe have passed.</summary>
    public async Task WhenReadyAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        foreach (var probe in new[] { _container.StartupProbe, _container.ReadinessProbe })
        {
            while (await FailureOfAsync(probe) is { } failure)
            {
                Assert.False(_process.HasExited || limit.IsCancellationRequested, $"{Pod.Name} does not get ready: {failure}\n{Log}");
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    /// <summary>Fails when the liveness probe does as often in a row as makes Kubernetes end the container.</summary>
    public async Task ExpectAliveAsync()
    {
        var failures = new List<string>();
        while (await FailureOfAsync(_container.LivenessProbe) is { } failure)
        {
            failures.Add(failure);
            Assert.True(failures.Count < _container.LivenessProbe.FailureThreshold, $"{Pod.Name} is not alive: {string.Join(", ", failures)}\n{Log}");
        }
    }

    /// <summary>Completes when it has logged an event this many times.</summary>
    public async Task WhenLoggedAsync(int eventId, int times)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (Logged().Count(line => line.Event == eventId) < times)
        {
            Assert.False(_process.HasExited || limit.IsCancellationRequested, $"{Pod.Name} has not logged {eventId} {times} times:\n{Log}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <summary>What it has logged so far.</summary>
    public IEnumerable<LogLine> Logged() => Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(LogLine.Parse);

    /// <summary>The signal that Kubernetes sends; returns the exit code, and fails when it takes longer than the pod's grace period.</summary>
    public async Task<int> StopAsync()
    {
        await ChildProcess.RunAsync("kill", ["-TERM", $"{_process.Id}"], Limit);
        return await _process.WaitForExitAsync(TimeSpan.FromSeconds(Pod.Spec.TerminationGracePeriodSeconds ?? 30));
    }

    /// <summary>Of a container that ends by itself.</summary>
    public Task<int> WhenEndedAsync() => _process.WaitForExitAsync(Limit);

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _will.Dispose();
    }

    private static string ValueOf(V1EnvVar variable, Pod pod, Cluster cluster) => variable.ValueFrom switch
    {
        null => variable.Value ?? "",
        { SecretKeyRef: { } secret } => cluster.SecretOf(secret.Name)[secret.Key],
        { FieldRef.FieldPath: "status.podIP" } => pod.Address,
        _ => throw new NotSupportedException($"The value of {variable.Name} comes from something that only Kubernetes has."),
    };

    private static string Mounted(string value, Dictionary<string, string> mounts) =>
        mounts.Where(mount => value == mount.Key || value.StartsWith($"{mount.Key}/", StringComparison.Ordinal))
            .Select(mount => mount.Value + value[mount.Key.Length..]).FirstOrDefault() ?? value;

    private static string Expanded(string word, Dictionary<string, string> environment) =>
        Reference().Replace(word, match => environment.GetValueOrDefault(match.Groups[1].Value, match.Value));

    /// <summary>Where the build of this tree has what the image has in /app.</summary>
    private static string InImage(string word) => word switch
    {
        "/app/Granary.Node.dll" => Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll"),
        "/app/Granary.Bench.dll" => Path.Combine(RepositoryPath.OutputOf("bench"), "Granary.Bench.dll"),
        _ => word,
    };

    /// <returns>Null when the probe passes.</returns>
    private async Task<string?> FailureOfAsync(V1Probe probe)
    {
        var port = _container.Ports.Single(port => port.Name == probe.HttpGet.Port.Value).ContainerPort;
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(probe.TimeoutSeconds ?? 1) };
        try
        {
            using var answer = await http.GetAsync(new Uri($"http://{Pod.Address}:{port}{probe.HttpGet.Path}"));
            return answer.IsSuccessStatusCode ? null : $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}";
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            // Not listening yet, or too slow: the probe has failed, and the caller tries again.
            return exception.Message;
        }
    }

    [GeneratedRegex(@"\$\((\w+)\)")]
    private static partial Regex Reference();
}
