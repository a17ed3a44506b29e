use pgsnap::pg::*;
use pgsnap::catalog::*;
#[tokio::main]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let args = ConnectArgs { dbname: Some(a[2].clone()), host: Some("/tmp/cat".into()), port: Some(a[1].parse().unwrap()), user: Some("postgres".into()), no_password: true, force_password: false };
    let cfg = ConnectConfig::resolve(&args, &Environment::from_process()).unwrap();
    let snap = Snapshot::take(&cfg, &SnapshotOptions::default()).await.unwrap();
    let t = std::time::Instant::now();
    let inv = match introspect(snap.leader(), snap.locked()).await { Ok(i) => i, Err(e) => { eprintln!("{e}"); std::process::exit(1) } };
    eprintln!("introspect {:?}, {} objects", t.elapsed(), inv.objects.len());
    if a.len() > 3 { println!("{inv:#?}"); return; }
    println!("SET search_path=''; SET check_function_bodies=off;");
    for pass in [Pass::Main, Pass::Acl, Pass::PostAcl] {
        for (i, o) in inv.objects.iter().enumerate().filter(|(_, o)| o.pass == pass) {
            assert!(o.dependencies.iter().all(|&d| d < i), "{o:?}");
            println!("-- {} {:?}.{} {:?} {:?}", o.kind, o.schema, o.name.replace('\n', " "), o.section, o.dependencies);
            if let Some(t) = &o.tablespace { println!("SET default_tablespace='{t}';"); }
            for c in &o.create { println!("{c};"); }
            if let (Some(w), Some(r)) = (&o.owned, &o.owner) { println!("ALTER {w} OWNER TO \"{}\";", r.replace('"', "\"\"")); }
        }
    }
    for w in inv.objects.windows(2) { assert!(w[0].section <= w[1].section); }
    eprintln!("roles {:?}\next {:?}\nsettings {:?}\nuncovered {:#?}", inv.roles, inv.extensions, inv.settings, inv.uncovered);
    for o in &inv.objects { if let Some(r) = &o.data { for c in &r.columns { eprintln!("{}.{} {} {:?} {:?}", r.name, c.name, c.type_name, c.value, c.shape); } if let Some(t) = &r.text_reason { eprintln!("  TEXT {t}"); } } }
}
