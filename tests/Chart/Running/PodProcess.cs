using System.Net;
using System.Text.RegularExpressions;
using Granary.Testing.Processes;
using k8s.Models;

namespace Granary.Chart.Tests.Running;

/// <summary>
/// A container of a rendered pod as a process of this machine: with its command, environment, ports and probes as they are in the manifest. Its pod's address is one of the
/// loopback network, so that every pod has its ports to itself.
/// </summary>
internal sealed partial class PodProcess : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

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
            while (!await PassesAsync(probe))
            {
                Assert.False(_process.HasExited || limit.IsCancellationRequested, $"{Pod.Name} does not get ready:\n{Log}");
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    public Task<bool> IsAliveAsync() => PassesAsync(_container.LivenessProbe);

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

    private async Task<bool> PassesAsync(V1Probe probe)
    {
        var port = _container.Ports.Single(port => port.Name == probe.HttpGet.Port.Value).ContainerPort;
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(probe.TimeoutSeconds ?? 1) };
        try
        {
            using var answer = await http.GetAsync(new Uri($"http://{Pod.Address}:{port}{probe.HttpGet.Path}"));
            return answer.IsSuccessStatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            // Not listening yet, or too slow: the probe has failed, and the caller tries again.
            return false;
        }
    }

    [GeneratedRegex(@"\$\((\w+)\)")]
    private static partial Regex Reference();
}
