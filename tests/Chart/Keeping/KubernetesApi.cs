using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Granary.Chart.Tests.Rendering;
using k8s;
using k8s.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Granary.Chart.Tests.Keeping;

/// <summary>As much of Kubernetes 1.20's API as helm asks for when it looks secrets up, with what others add to it.</summary>
internal sealed class KubernetesApi : IAsyncDisposable
{
    /// <summary>The secret with the CA that the chart has made.</summary>
    public const string MembersAuthority = "granary-cluster-ca";

    private static readonly (string Version, string[] Kinds)[] Known =
    [
        ("v1", ["ConfigMap", "Pod", "Secret", "Service", "ServiceAccount"]),
        ("apps/v1", ["Deployment", "StatefulSet"]),
        ("policy/v1beta1", ["PodDisruptionBudget"]),
        ("autoscaling/v2beta2", ["HorizontalPodAutoscaler"]),
        ("networking.k8s.io/v1", ["Ingress", "NetworkPolicy"]),
        ("gateway.networking.k8s.io/v1", ["GRPCRoute", "HTTPRoute"]),
        ("cert-manager.io/v1", ["Certificate"]),
        ("keda.sh/v1alpha1", ["ScaledObject"]),
        ("monitoring.coreos.com/v1", ["PrometheusRule", "ServiceMonitor"]),
    ];

    private readonly WebApplication _server;
    private readonly ConcurrentDictionary<string, V1Secret> _secrets = new();
    private readonly string _config = Path.GetTempFileName();

    private KubernetesApi(WebApplication server) => _server = server;

    public static async Task<KubernetesApi> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = builder.Build();
        var api = new KubernetesApi(server);
        server.Run(api.AnswerAsync);
        await server.StartAsync();
        await File.WriteAllTextAsync(api._config, $$$"""
            apiVersion: v1
            kind: Config
            current-context: fake
            contexts: [{name: fake, context: {cluster: fake, user: fake}}]
            clusters: [{name: fake, cluster: {server: "{{{server.Urls.Single()}}}"}}]
            users: [{name: fake, user: {}}]
            """);
        return api;
    }

    /// <summary>As an upgrade does it: what is rendered sees what is there, and its secrets are there from then on.</summary>
    public async Task<Manifests> UpgradeAsync(string values, params string[] more)
    {
        string[] arguments = ["template", Helm.Release, Helm.Chart, "--values", values, "--dry-run=server", "--disable-openapi-validation", .. more];
        var manifests = Manifests.Parse(await Helm.RunAsync(arguments, _config));
        foreach (var secret in manifests.Of<V1Secret>())
        {
            // As helm marks what it has applied.
            secret.Metadata.Annotations = new Dictionary<string, string>(secret.Metadata.Annotations ?? new Dictionary<string, string>())
            {
                ["meta.helm.sh/release-name"] = Helm.Release,
                ["meta.helm.sh/release-namespace"] = "default",
            };
            _secrets[secret.Metadata.Name] = secret;
        }

        return manifests;
    }

    /// <summary>What <c>helm install</c> says, without installing anything.</summary>
    public Task<string> TryInstallAsync(string values) =>
        Helm.RunAsync(["install", Helm.Release, Helm.Chart, "--values", values, "--dry-run=client", "--disable-openapi-validation"], _config);

    /// <summary>What is in a secret.</summary>
    public Dictionary<string, string> Read(string secret) =>
        _secrets[secret].Data.ToDictionary(entry => entry.Key, entry => System.Text.Encoding.UTF8.GetString(entry.Value));

    /// <summary>So that the next step of a change of the members' CA may follow.</summary>
    public void LetStepsBeMinutesAgo() => Write(MembersAuthority, "stepped", $"{DateTimeOffset.UtcNow.AddMinutes(-4).ToUnixTimeSeconds()}");

    /// <summary>Somebody changes a secret by hand.</summary>
    public void Write(string secret, string key, string value) => _secrets[secret].Data[key] = System.Text.Encoding.UTF8.GetBytes(value);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        File.Delete(_config);
    }

    private Task AnswerAsync(HttpContext context)
    {
        var answer = Find(context.Request.Path.Value!.Trim('/').Split('/'));
        context.Response.StatusCode = answer is null ? StatusCodes.Status404NotFound : StatusCodes.Status200OK;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(answer ?? """{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}""");
    }

    private string? Find(string[] path) => path switch
    {
        ["version"] => """{"major":"1","minor":"20","gitVersion":"v1.20.15"}""",
        ["api"] => """{"kind":"APIVersions","versions":["v1"]}""",
        ["apis"] => Groups(),
        ["api", var version] => Resources(version),
        ["apis", var group, var version] => Resources($"{group}/{version}"),
        ["api", "v1", "namespaces", _, "secrets", var name] => _secrets.TryGetValue(name, out var secret) ? KubernetesJson.Serialize(secret) : null,
        _ => null,
    };

    private static string Groups() => JsonSerializer.Serialize(new JsonObject
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = new JsonArray([.. Known.Skip(1).Select(known => (JsonNode)new JsonObject
        {
            ["name"] = known.Version.Split('/')[0],
            ["versions"] = new JsonArray(VersionOf(known.Version)),
            ["preferredVersion"] = VersionOf(known.Version),
        })]),
    });

    private static JsonObject VersionOf(string version) => new() { ["groupVersion"] = version, ["version"] = version.Split('/')[1] };

    private static string? Resources(string version) => Known.Where(known => known.Version == version).Select(known => JsonSerializer.Serialize(new JsonObject
    {
        ["kind"] = "APIResourceList",
        ["apiVersion"] = "v1",
        ["groupVersion"] = version,
        ["resources"] = new JsonArray([.. known.Kinds.Select(kind => (JsonNode)new JsonObject
        {
            ["name"] = $"{kind.ToLowerInvariant()}s",
            ["singularName"] = "",
            ["namespaced"] = true,
            ["kind"] = kind,
            ["verbs"] = new JsonArray("get", "list", "create", "patch", "delete"),
        })]),
    })).FirstOrDefault();
}
